"""Where a data set's images come from: torchvision's copy, class folders, a download, or drawing."""
