package query

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Go's regular expressions (RE2) take time in proportion to the text times the size of the compiled program. Both are
// bounded, and so is their sum over one query's candidates.
const (
	maxPattern = 500         // bytes
	maxProgram = 1000        // instructions: x{500} has about as many
	maxSteps   = 100_000_000 // bytes × instructions over all candidates: about a second of one core at worst
)

// ErrTooExpensive is the failure of a query whose regular expressions have too much to look at.
var ErrTooExpensive = errors.New("the regular expressions have too much to look at")

// regex is a compiled $regex.
type regex struct {
	*regexp.Regexp
	literal string // is in every text that matches; may be empty
	size    int
}

func compileRegex(place, pattern, flags string) (*regex, error) {
	if len(pattern) > maxPattern {
		return nil, tooMuch(place, "is too long: a regular expression may have %d bytes", maxPattern)
	}
	if flags != "" {
		pattern = "(?" + flags + ")" + pattern
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, wrong(place, "is not a regular expression of the RE2 syntax: %s", e.Code)
	}
	if err != nil {
		return nil, wrong(place, "is not a regular expression of the RE2 syntax")
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil, tooMuch(place, "is too large: a regular expression may have %d steps, and what is repeated counts each time", maxProgram)
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, wrong(place, "is not a regular expression of the RE2 syntax")
	}
	return &regex{Regexp: compiled, literal: literalOf(pattern), size: len(program.Inst)}, nil
}

// literalOf finds a text that is in whatever matches. Without its first ^ a pattern matches more than with it.
func literalOf(pattern string) string {
	relaxed, err := regexp.Compile(strings.TrimPrefix(pattern, "^"))
	if err != nil {
		return ""
	}
	literal, _ := relaxed.LiteralPrefix()
	return literal
}
