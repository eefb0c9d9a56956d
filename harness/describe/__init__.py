"""What a part is, what it takes and where it comes from; and what a network is made of, layer by layer."""
