"""What the end-to-end tests are made of: namespaces, peers, and readers of what the shield did."""
