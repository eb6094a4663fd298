"""Load for any ISO 8583 host: replayed captures and simulated terminals, measured from the time a message was due."""
