"""Where things lie: files that are whole or absent, archives, places of the program, paths that may be used."""
