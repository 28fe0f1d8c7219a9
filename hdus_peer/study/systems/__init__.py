"""The systems side by side, one file each behind one port: HDUS and the four that it is compared with."""
