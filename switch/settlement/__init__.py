"""What is made of a business day that is over: fees, statements, the clearing file; batches compared. Pure."""
