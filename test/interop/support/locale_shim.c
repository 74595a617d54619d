/* Apache sets no locale, and gss-ntlmssp needs one to read the names of users outside ASCII. */
#include <locale.h>

__attribute__((constructor)) static void set_locale(void) { setlocale(LC_ALL, "C.UTF-8"); }
