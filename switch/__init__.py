"""An ISO 8583 acquiring switch and authorisation host."""

__version__ = "0.1.0"
