package providers

// As is an optional ability of an adapter, or of a store, if it has it: the one way to ask for it. What wraps another one has
// the abilities of which it has the methods and which the other has, too; it says so by a method Unwrap, which returns that
// other one as the interface that it is asked as.
func As[T, O any](of O) (T, bool) {
	ability, ok := any(of).(T)
	if wrapper, wraps := any(of).(interface{ Unwrap() O }); ok && wraps {
		_, ok = As[T](wrapper.Unwrap())
	}
	if !ok {
		var none T
		return none, false
	}
	return ability, true
}
