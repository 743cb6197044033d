package limits

import "parley/models"

const (
	// Large pages of messages that are read and written at once; each takes about 2 MB until it has gone out.
	largePages = 32
	// Of one caller fewer, so that nobody takes all.
	largePagesOfOne = 4
)

// pages are the large pages of messages under way.
type pages struct {
	all  chan struct{} // holds one for each
	each *seats[member]
}

func newPages() *pages {
	return &pages{all: make(chan struct{}, largePages), each: newSeats[member](largePagesOfOne)}
}

// LargePage takes a place for a large page until leave is called. It does not wait: false means that the page has to be a
// small one.
func (l *Limits) LargePage(actor models.Actor) (leave func(), ok bool) {
	p, of := l.largePages, member{actor.App.ID, actor.ClientID}
	if !p.each.enter(of) {
		return nil, false
	}
	select {
	case p.all <- struct{}{}:
	default:
		p.each.leave(of)
		return nil, false
	}
	return func() {
		<-p.all
		p.each.leave(of)
	}, true
}
