"""How pages are made: `environment` renders templates into one HTML file, `numbers` shows numbers in one style."""
