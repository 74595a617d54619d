/* Times libntlm's handshake: `libntlm USER DOMAIN PASSWORD CHALLENGE_HEX ITERATIONS`.
   Prints the processor time of one handshake in nanoseconds, then type 1 and type 3 in hexadecimal. */
#include <ntlm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void print_hex(const void *message, size_t length) {
  const unsigned char *bytes = message;
  for (size_t i = 0; i < length; i++) printf("%02x", bytes[i]);
  putchar('\n');
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  const char *user = argv[1], *domain = argv[2], *password = argv[3], *hex = argv[4];
  long iterations = atol(argv[5]);
  tSmbNtlmAuthChallenge challenge;
  tSmbNtlmAuthRequest request;
  tSmbNtlmAuthResponse response;
  size_t length = strlen(hex) / 2;
  if (length > sizeof challenge || iterations < 1) return 2;
  memset(&challenge, 0, sizeof challenge);
  for (size_t i = 0; i < length; i++) {
    unsigned byte;
    if (sscanf(hex + 2 * i, "%2x", &byte) != 1) return 2;
    ((unsigned char *)&challenge)[i] = (unsigned char)byte;
  }

  struct timespec start, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  for (long i = 0; i < iterations; i++) {
    memset(&request, 0, sizeof request);
    memset(&response, 0, sizeof response);
    buildSmbNtlmAuthRequest_noatsplit(&request, user, domain);
    buildSmbNtlmAuthResponse_noatsplit(&challenge, &response, user, password);
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  double nanoseconds = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
  printf("%.1f\n", nanoseconds / iterations);
  print_hex(&request, SmbLength(&request));
  print_hex(&response, SmbLength(&response));
  return 0;
}
