//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// textOf is the text of the n-th message: its number, filled up to a length.
func textOf(number int64, length int) string {
	text := fmt.Sprintf("n%d ", number)
	return text + strings.Repeat("x", max(length-len(text), 0))
}

// numberOf finds the number in a text.
func numberOf(text string) (int64, bool) {
	digits, _, found := strings.Cut(text, " ")
	digits, marked := strings.CutPrefix(digits, "n")
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, found && marked && err == nil && number >= 0
}
