"""What a person looks at: deterministic PNG files, drawn with Matplotlib."""
