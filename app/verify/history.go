package verify

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// historyPage is small, so that a storm's history has several pages and their seams are tried too.
const historyPage = 100

// History reads the whole history of a conversation, page by page over the nodes, and records it.
func (c *Client) History(ctx context.Context, l *Ledger, conversationID string) error {
	h := l.newReading(conversationID, c.ID)
	for after := "0"; after != ""; {
		query := url.Values{"after": {after}, "limit": {strconv.Itoa(historyPage)}}
		r, err := c.deployment.do(ctx, call{method: "GET", authorization: c.bearer,
			path: "/v1/conversations/" + url.PathEscape(conversationID) + "/messages?" + query.Encode()})
		var page struct {
			Messages []message `json:"messages"`
			Next     string    `json:"next"`
		}
		if err == nil {
			err = r.into(http.StatusOK, &page)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", h.where, err)
		}
		if len(page.Messages) > historyPage {
			return fmt.Errorf("%s: a page of %d messages, where at most %d were asked for", h.where, len(page.Messages), historyPage)
		}
		last := l.page(h, page.Messages)
		if next, ok := parseID(page.Next); page.Next != "" && (!ok || next != last || len(page.Messages) == 0) {
			return fmt.Errorf("%s: a page of %d that ends with %d says that the next one is after %q", h.where, len(page.Messages), last, page.Next)
		}
		after = page.Next
	}
	l.whole(h)
	return nil
}

func (l *Ledger) newReading(conversationID, clientID string) *reading {
	return &reading{conversation: conversationID, begun: l.now(), has: map[int64]bool{}, where: fmt.Sprintf("the history of conversation %s, read by client %s", conversationID, clientID)}
}

// whole records that a reading has come to its end.
func (l *Ledger) whole(h *reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readings = append(l.readings, h)
}

// page records a page, and gives the last id in it.
func (l *Ledger) page(h *reading, messages []message) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := int64(0)
	for _, m := range messages {
		if n := len(h.receipts); n > 0 {
			last = h.receipts[n-1].id
		}
		id, ok := parseID(m.ID)
		if !ok {
			l.found.add(broken, "the id %.40q is in %s", m.ID, h.where)
			continue
		}
		if m.ConversationID != h.conversation {
			l.found.add(broken, "message %d of conversation %s is in %s", id, m.ConversationID, h.where)
		}
		r := l.receive(m, id, h.where)
		if r.flagged = id <= last; r.flagged {
			kind := outOfOrder
			if h.has[id] {
				kind = doubled
			}
			l.found.add(kind, "message %d follows %d in %s", id, last, h.where)
		}
		h.receipts, h.has[id] = append(h.receipts, r), true
	}
	if n := len(h.receipts); n > 0 {
		last = h.receipts[n-1].id
	}
	return last
}
