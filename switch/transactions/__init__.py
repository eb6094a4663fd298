"""What the switch does with a request: the transaction table, the life of a payment, the decision."""
