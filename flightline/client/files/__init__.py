"""Files that are sent and received: downloads, images, trained networks."""
