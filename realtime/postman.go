package realtime

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// What streams have brought is written down together after this: one statement for hundreds of clients. A client whose next
	// device comes to another node in between gets a broadcast there once more.
	postmanPause = 200 * time.Millisecond
	// As many clients are written at once.
	postmanClients = 500
	// After a failure.
	postmanTrouble = time.Second
)

// Post keeps up to where clients have been brought the broadcasts; models.Store is it.
type Post interface {
	Delivered(ctx context.Context, appID uint32, clientID string) (int64, error)
	SetDelivered(ctx context.Context, appID uint32, upTo int64, clients []string) error
}

// postman writes down which client has been brought the broadcasts up to where: of each client the highest number, some time after it was.
type postman struct {
	appID  uint32
	post   Post
	logger *slog.Logger

	mu      sync.Mutex
	brought map[string]int64 // what is not written down yet
	wake    chan struct{}
}

func newPostman(appID uint32, post Post, logger *slog.Logger) *postman {
	return &postman{appID: appID, post: post, logger: logger, brought: map[string]int64{}, wake: make(chan struct{}, 1)}
}

// note says that a stream of a client has written all broadcasts for it up to a number. It never blocks.
func (p *postman) note(clientID string, upTo int64) {
	if p.post == nil {
		return
	}
	p.mu.Lock()
	p.brought[clientID] = max(p.brought[clientID], upTo)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// delivered tells up to where a client has been brought the broadcasts, by any node.
func (p *postman) delivered(ctx context.Context, clientID string) (int64, error) {
	p.mu.Lock() // first: what is taken off it has been written
	noted := p.brought[clientID]
	p.mu.Unlock()
	written, err := p.post.Delivered(ctx, p.appID, clientID)
	return max(noted, written), err
}

func (p *postman) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		for pause := postmanPause; ; pause = postmanTrouble {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			err := p.write(ctx)
			if err == nil {
				break
			}
			if ctx.Err() == nil {
				p.logger.Warn("which broadcasts have been delivered cannot be written; it is tried again", "error", err)
			}
		}
	}
}

// finish writes what is left when run has returned and the streams have ended.
func (p *postman) finish(ctx context.Context) error { return p.write(ctx) }

// write writes down what has been noted by now.
func (p *postman) write(ctx context.Context) error {
	for upTo, clients := range p.byNumber() {
		for len(clients) > 0 {
			n := min(len(clients), postmanClients)
			if err := p.writeSome(ctx, upTo, clients[:n]); err != nil {
				return err
			}
			clients = clients[n:]
		}
	}
	return nil
}

func (p *postman) writeSome(ctx context.Context, upTo int64, clients []string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := p.post.SetDelivered(ctx, p.appID, upTo, clients); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range clients {
		if p.brought[id] == upTo {
			delete(p.brought, id)
		}
	}
	return nil
}

// byNumber gives the clients that have come equally far: a broadcast makes that of many at once.
func (p *postman) byNumber() map[int64][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	clients := map[int64][]string{}
	for id, upTo := range p.brought {
		clients[upTo] = append(clients[upTo], id)
	}
	return clients
}
