"""The configuration of a gateway: `smtpgw.toml`, its names, its defaults, its mistakes.

`load` reads a file, `parse` a mapping of the same shape, `default` gives the embedded defaults. Each raises one
`ConfigError` with all mistakes. docs/configuration.md has every key.
"""

from smtpgw.config.check import warnings
from smtpgw.config.load import default, load, parse
from smtpgw.config.model import Config

__all__ = ["Config", "default", "load", "parse", "warnings"]
