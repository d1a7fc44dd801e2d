"""`python -m smtpgw`: the same as the command `smtpgw`."""

from smtpgw.cli import main

main()
