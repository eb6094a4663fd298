"""The back office: who may look and change, the changes themselves, and the record of who made them."""
