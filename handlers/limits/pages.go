package limits

import "parley/models"

const (
	// Large pages of messages that are read and written at once. One takes about 5 MB until its reader has it.
	largePages = 32
	// Of one client fewer, so that nobody takes all, and of an app's own server.
	largePagesOfClient, largePagesOfServer = 4, 16
)

// pages are the large pages of messages under way.
type pages struct {
	all              *seats[struct{}]
	clients, servers *seats[member]
}

func newPages() *pages {
	return &pages{all: newSeats[struct{}](largePages), clients: newSeats[member](largePagesOfClient), servers: newSeats[member](largePagesOfServer)}
}

// LargePage is a place that a page of messages takes when it becomes a large one.
type LargePage struct {
	pages *pages
	of    member
	own   *seats[member]
	asked bool
	taken bool
}

// LargePage is for a page of messages that somebody asks for; Leave must follow. One page is one goroutine's.
func (l *Limits) LargePage(actor models.Actor) *LargePage {
	p := &LargePage{pages: l.largePages, of: member{actor.App.ID, actor.ClientID}, own: l.largePages.clients}
	if actor.Master {
		p.of.id, p.own = "", l.largePages.servers
	}
	return p
}

// Take tells whether the page may be a large one; the first call takes a place if there is one, and does not wait for it.
func (p *LargePage) Take() bool {
	if p.asked {
		return p.taken
	}
	p.asked = true
	if !p.own.enter(p.of) {
		return false
	}
	if p.taken = p.pages.all.enter(struct{}{}); !p.taken {
		p.own.leave(p.of)
	}
	return p.taken
}

// Taken tells whether the page has become a large one.
func (p *LargePage) Taken() bool { return p.taken }

// Leave gives the place back.
func (p *LargePage) Leave() {
	if p.taken {
		p.pages.all.leave(struct{}{})
		p.own.leave(p.of)
	}
}
