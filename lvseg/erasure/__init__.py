"""One patient taken out of all that is stored: who he is, what holds him, and the data without him."""
