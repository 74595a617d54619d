/* iakerb SERVICE PRINCIPAL PASSWORD: both ends of an IAKERB context, each token in hexadecimal on a line of its own. */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdio.h>
#include <string.h>

static gss_buffer_desc buffer(char *text)
{
    gss_buffer_desc result = {strlen(text), text};
    return result;
}

static void print(const char *who, gss_buffer_t token)
{
    printf("%s ", who);
    for (size_t i = 0; i < token->length; i++) printf("%02x", ((unsigned char *)token->value)[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    OM_uint32 major, minor;
    gss_OID_desc iakerb = {6, "\x2b\x06\x01\x05\x02\x05"};
    gss_OID_set_desc mechanisms = {1, &iakerb};
    gss_name_t service, user;
    gss_cred_id_t initiator, acceptor;
    gss_ctx_id_t ours = GSS_C_NO_CONTEXT, theirs = GSS_C_NO_CONTEXT;
    gss_buffer_desc text, question = GSS_C_EMPTY_BUFFER, answer = GSS_C_EMPTY_BUFFER;

    if (argc != 4) return 2;
    text = buffer(argv[1]);
    gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &service);
    text = buffer(argv[2]);
    gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &user);
    text = buffer(argv[3]);
    major = gss_acquire_cred_with_password(&minor, user, &text, 0, &mechanisms, GSS_C_INITIATE, &initiator, NULL, NULL);
    if (GSS_ERROR(major)) return 3;
    major = gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &mechanisms, GSS_C_ACCEPT, &acceptor, NULL, NULL);
    if (GSS_ERROR(major)) return 4;
    for (int leg = 0; leg < 10; leg++) {
        gss_init_sec_context(&minor, initiator, &ours, service, &iakerb, GSS_C_MUTUAL_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                             leg == 0 ? GSS_C_NO_BUFFER : &answer, NULL, &question, NULL, NULL);
        if (question.length == 0) break;
        print("initiator", &question);
        gss_accept_sec_context(&minor, &theirs, acceptor, &question, GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &answer, NULL, NULL, NULL);
        if (answer.length == 0) break;
        print("acceptor", &answer);
    }
    return 0;
}
