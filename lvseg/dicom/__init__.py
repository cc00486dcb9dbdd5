"""From bytes to images to ordered stacks: headers, pixels, planes, slices and phases."""
