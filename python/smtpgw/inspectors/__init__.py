"""The inspectors that come with smtpgw: `yara`, `urls`, `spam`. Each can be made and called by itself in Python.

from smtpgw.inspectors.yara import Yara

Yara(rules=[Path("rules")])
"""
