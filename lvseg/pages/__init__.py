"""How pages are made: `environment` renders templates into one HTML file, `numbers` and `words`
show numbers and names in one style, `headlines` says what is said first of an evaluation."""
