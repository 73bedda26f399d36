"""The SSH gateway: carries connections of `ssh -J` to instances, and sees nothing of them."""
