"""What only authors need: notebooks executed, their claims listed, slides exported."""
