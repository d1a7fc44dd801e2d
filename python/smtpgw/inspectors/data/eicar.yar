/*
  The EICAR anti-malware test file (https://www.eicar.org): harmless by agreement, and found by every scanner.
  As the specification has it, the file begins with the 68 octets, and nothing but white space may follow; it is
  found anywhere here, since a scanner at a gateway sees more wrappings than a scanner of files.
*/
rule EICAR
{
    meta:
        description = "EICAR anti-malware test file"
    strings:
        $eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        $eicar
}
