"""From a study, a folder from the scanner without contours, to masks, volumes and an ejection fraction."""
