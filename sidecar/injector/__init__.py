"""The admission webhook that puts Sidewatch beside an app: pods in, JSON patches out; it never refuses a pod."""
