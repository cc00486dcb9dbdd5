"""What every package stands on: errors, files, processes, hashes, git, the Keras backend."""
