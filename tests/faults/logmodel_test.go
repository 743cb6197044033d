package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// This file is what a conversation promises to those who send to it and read it at the same time, for porcupine, which
// searches an order of the recorded calls that explains every answer (linearizability).

// said is one message as an answer shows it.
type said struct {
	id   int64
	text string
}

// call is one recorded call: a send of a text or, without one, a read of the history.
type call struct {
	conversation string
	text         string
	newest       int // of a read: how many of the newest messages were asked for; 0: all
}

// conversationModel: a conversation is an append-only list. A send appends its message and answers its id, and ids
// ascend; a read answers the whole list, or the newest of it.
func conversationModel() porcupine.Model {
	return porcupine.Model{
		Partition: byConversation,
		Init:      func() any { return []said(nil) },
		Step: func(state, input, output any) (bool, any) {
			list, in, out := state.([]said), input.(call), output.([]said)
			if in.text != "" {
				message := out[0]
				if len(list) > 0 && list[len(list)-1].id >= message.id {
					return false, list
				}
				return true, append(slices.Clip(list), message)
			}
			if in.newest > 0 {
				list = list[max(0, len(list)-in.newest):]
			}
			return slices.Equal(list, out), state
		},
		Equal: func(a, b any) bool { return slices.Equal(a.([]said), b.([]said)) },
		DescribeOperation: func(input, output any) string {
			in, out := input.(call), output.([]said)
			if in.text != "" {
				return fmt.Sprintf("send %q → %d", in.text, out[0].id)
			}
			return fmt.Sprintf("read of %d (0: all) → %d messages up to %v", in.newest, len(out), out[max(0, len(out)-1):])
		},
	}
}

func byConversation(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	at := map[string]int{}
	for _, operation := range history {
		conversation := operation.Input.(call).conversation
		if _, known := at[conversation]; !known {
			at[conversation] = len(parts)
			parts = append(parts, nil)
		}
		parts[at[conversation]] = append(parts[at[conversation]], operation)
	}
	return parts
}

// recordedCall is a call with its times since the beginning of the record.
type recordedCall struct {
	call
	begun, ended time.Duration
	answer       []said // of a send: its message
	unknown      bool   // a send whose outcome its caller does not know
}

// operations turns a record into porcupine's. A send of unknown outcome may take effect at any time from its beginning
// up to the end of the record. Its id is the one with which some read shows it; one that no read shows explains nothing
// and contradicts nothing, because it may have come to pass after them all or never: it is left out.
func operations(record []recordedCall) []porcupine.Operation {
	ids, end := map[string]int64{}, time.Duration(0)
	for _, c := range record {
		end = max(end, c.ended+1)
		for _, message := range c.answer {
			if _, known := ids[message.text]; !known {
				ids[message.text] = message.id
			}
		}
	}
	var history []porcupine.Operation
	for _, c := range record {
		if c.unknown {
			id, shown := ids[c.text]
			if !shown {
				continue
			}
			c.answer, c.ended = []said{{id, c.text}}, end
		}
		history = append(history, porcupine.Operation{Input: c.call, Output: c.answer, Call: int64(c.begun), Return: int64(c.ended)})
	}
	return history
}

// wantLinearizable fails the test unless some order of the calls explains every answer. A search that does not end is a
// failure too: it shows nothing.
func wantLinearizable(t *testing.T, record []recordedCall) {
	t.Helper()
	const patience = 30 * time.Second // a search takes milliseconds; a record without an order may take longer
	history := operations(record)
	result, info := porcupine.CheckOperationsVerbose(conversationModel(), history, patience)
	switch result {
	case porcupine.Ok:
	case porcupine.Unknown:
		t.Errorf("the search has not ended in %v", patience)
	default:
		t.Errorf("no order of the %d calls explains their answers; the longest that does leaves out:\n%s", len(history), unexplained(history, info))
	}
}

// unexplained lists the first calls that are in no longest order of their conversation.
func unexplained(history []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var lines []string
	parts, model := byConversation(history), conversationModel()
	for i, orders := range info.PartialLinearizations() {
		longest := slices.MaxFunc(append(orders, nil), func(a, b []int) int { return len(a) - len(b) })
		for at, operation := range parts[i] {
			if !slices.Contains(longest, at) && len(lines) < 10 {
				lines = append(lines, fmt.Sprintf("%v to %v: %s", time.Duration(operation.Call), time.Duration(operation.Return),
					model.DescribeOperation(operation.Input, operation.Output)))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// TestModelTellsWrongHistoriesApart: a check that cannot fail shows nothing.
func TestModelTellsWrongHistoriesApart(t *testing.T) {
	send := func(begun, ended time.Duration, text string, id int64) recordedCall {
		return recordedCall{call: call{conversation: "c", text: text}, begun: begun, ended: ended, answer: []said{{id, text}}}
	}
	lost := func(begun time.Duration, text string) recordedCall {
		return recordedCall{call: call{conversation: "c", text: text}, begun: begun, ended: begun + 1, unknown: true}
	}
	read := func(begun, ended time.Duration, newest int, answer ...said) recordedCall {
		return recordedCall{call: call{conversation: "c", newest: newest}, begun: begun, ended: ended, answer: answer}
	}
	a, b, x := said{1, "a"}, said{2, "b"}, said{3, "x"}
	for name, history := range map[string]struct {
		record []recordedCall
		want   porcupine.CheckResult
	}{
		"sends and reads in turn":                 {[]recordedCall{send(0, 1, "a", 1), read(2, 3, 0, a), send(4, 5, "b", 2), read(6, 7, 0, a, b), read(6, 7, 1, b)}, porcupine.Ok},
		"a read beside a send may show it or not": {[]recordedCall{send(0, 1, "a", 1), send(2, 9, "b", 2), read(3, 4, 0, a), read(5, 6, 0, a, b)}, porcupine.Ok},
		"sends at once in either order":           {[]recordedCall{send(0, 9, "b", 2), send(0, 9, "a", 1), read(10, 11, 0, a, b)}, porcupine.Ok},
		"a lost answer, stored later":             {[]recordedCall{lost(0, "x"), send(2, 3, "a", 1), read(4, 5, 0, a), send(6, 7, "b", 2), read(8, 9, 0, a, b, x)}, porcupine.Ok},
		"a lost answer, never stored":             {[]recordedCall{lost(0, "x"), send(2, 3, "a", 1), read(4, 5, 0, a)}, porcupine.Ok},
		"another conversation's read":             {[]recordedCall{send(0, 1, "a", 1), {call: call{conversation: "other"}, begun: 2, ended: 3}}, porcupine.Ok},

		"a stale read":                  {[]recordedCall{send(0, 1, "a", 1), send(2, 3, "b", 2), read(4, 5, 0, a)}, porcupine.Illegal},
		"a stale newest page":           {[]recordedCall{send(0, 1, "a", 1), send(2, 3, "b", 2), read(4, 5, 1, a)}, porcupine.Illegal},
		"a read that goes back":         {[]recordedCall{send(0, 9, "a", 1), read(1, 2, 0, a), read(3, 4, 0)}, porcupine.Illegal},
		"a lost message":                {[]recordedCall{send(0, 1, "a", 1), send(2, 3, "b", 2), read(4, 5, 0, b)}, porcupine.Illegal},
		"a hole that is filled late":    {[]recordedCall{send(0, 9, "a", 1), send(0, 9, "b", 2), read(1, 2, 0, b), read(3, 4, 0, a, b)}, porcupine.Illegal},
		"a doubled message":             {[]recordedCall{lost(0, "a"), read(2, 3, 0, a, said{2, "a"})}, porcupine.Illegal},
		"a message of nobody":           {[]recordedCall{send(0, 1, "a", 1), read(2, 3, 0, a, x)}, porcupine.Illegal},
		"another id than answered":      {[]recordedCall{send(0, 1, "a", 1), read(2, 3, 0, said{2, "a"})}, porcupine.Illegal},
		"ids against the time":          {[]recordedCall{send(0, 1, "b", 2), send(2, 3, "a", 1)}, porcupine.Illegal},
		"a message before its send":     {[]recordedCall{read(0, 1, 0, a), send(2, 3, "a", 1)}, porcupine.Illegal},
		"a lost answer before its send": {[]recordedCall{read(0, 1, 0, x), lost(2, "x")}, porcupine.Illegal},
	} {
		t.Run(name, func(t *testing.T) {
			if got := porcupine.CheckOperationsTimeout(conversationModel(), operations(history.record), time.Minute); got != history.want {
				t.Errorf("the check says %s, not %s", got, history.want)
			}
		})
	}
}
