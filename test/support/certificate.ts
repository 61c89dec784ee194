/** The host that the certificate names; it exists nowhere but behind a test's proxy. */
export const TEST_HOST = 'hub.test';

/** Self-signed for {@link TEST_HOST}, valid for a hundred years; its key is public and guards nothing. */
export const TEST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkjCCATigAwIBAgIUN1C25mCMxzhqbOoBpoGPAdpD1jowCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIaHViLnRlc3QwIBcNMjYxMTIzMTUyOTUyWhgPMjEyNjEwMzAx
NTI5NTJaMBMxETAPBgNVBAMMCGh1Yi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE5V/JoSDkCsch6sjqle6RqFONXEIS2dclMDRpBWoCGGoOpPCcNITVpG+V
X5G4ZpGH4/DiyLpD3VpLbLh93SQ0/qNoMGYwHQYDVR0OBBYEFLL/1s15n2BB7CPD
k2hIe64WBjlGMB8GA1UdIwQYMBaAFLL/1s15n2BB7CPDk2hIe64WBjlGMA8GA1Ud
EwEB/wQFMAMBAf8wEwYDVR0RBAwwCoIIaHViLnRlc3QwCgYIKoZIzj0EAwIDSAAw
RQIhAIM2UArE+D7oPkmu5+EY/qfhAysah3wo8XaGE2O2RZSmAiA9hGQnlVKqAJ81
BN6mpikmx4C+T66sugWlbg01BJggbQ==
-----END CERTIFICATE-----
`;

export const TEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnRzdD0sNkdaucIjG
bCPbUb7uCaFK1a+ovw+a8mhShpmhRANCAATlX8mhIOQKxyHqyOqV7pGoU41cQhLZ
1yUwNGkFagIYag6k8Jw0hNWkb5VfkbhmkYfj8OLIukPdWktsuH3dJDT+
-----END PRIVATE KEY-----
`;
