"""A virtual machine with Debian's own kernel, made of this host's programs; nothing is installed, no root is needed."""
