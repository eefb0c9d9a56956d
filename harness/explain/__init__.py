"""How easily a representation can be explained: the same measures for every one, whoever or whatever made it."""
