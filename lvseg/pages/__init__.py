"""How pages are made: one HTML file with its pictures inside, numbers in one style."""
