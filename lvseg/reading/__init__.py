"""From files as received to one short-axis cine with its contours per patient."""
