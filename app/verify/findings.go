package verify

import "fmt"

// breach is a kind of broken promise.
type breach int

const (
	lost breach = iota
	doubled
	outOfOrder
	broken // every other promise
	breachKinds
)

func (b breach) String() string {
	return [breachKinds]string{"lost", "doubled", "out of order", "broken"}[b]
}

// linesMost bounds the lines of a kind: when everything is lost, the first of them tell as much as all.
const linesMost = 200

// findings counts breaches and keeps a line for each of the first.
type findings struct {
	counts [breachKinds]int
	lines  []string
}

func (f *findings) add(kind breach, format string, args ...any) {
	f.counts[kind]++
	switch n := f.counts[kind]; {
	case n <= linesMost:
		f.lines = append(f.lines, kind.String()+": "+fmt.Sprintf(format, args...))
	case n == linesMost+1:
		f.lines = append(f.lines, kind.String()+": … and more, which are counted only")
	}
}
