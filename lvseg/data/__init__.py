"""The data set between extraction and training: shards, examples, splits, pseudonyms, the ranges of its patients."""
