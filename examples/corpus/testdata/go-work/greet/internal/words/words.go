// Package words is seen in its module alone.
package words

// Hello is a word.
const Hello = "Hello"
