package console

import "sync"

// places bound how many requests are worked on at a time. Those of strangers have places of their own, of which one address, or one
// browser that is known, gets half at most.
type places struct {
	members, strangers int // free ones

	mu     sync.Mutex
	share  int // of one stranger
	byPeer map[string]int
}

func newPlaces(members, strangers int) *places {
	return &places{members: members, strangers: strangers, share: max(1, strangers/2), byPeer: map[string]int{}}
}

// member takes a place for somebody who is logged in, and says whether there was one.
func (p *places) member() (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.members == 0 {
		return nil, false
	}
	p.members--
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.members++
	}, true
}

// known takes a place for a browser that has been here before: one of strangers or, when these are all taken, one of members.
func (p *places) known(card string) (leave func(), ok bool) {
	if leave, ok = p.stranger(card); ok {
		return leave, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.members == 0 || p.byPeer[card] > 0 {
		return nil, false
	}
	p.members--
	p.byPeer[card]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.members++
		p.less(card)
	}, true
}

// less counts a peer out.
func (p *places) less(peer string) {
	if p.byPeer[peer]--; p.byPeer[peer] == 0 {
		delete(p.byPeer, peer)
	}
}

// stranger takes a place for anybody.
func (p *places) stranger(peer string) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.strangers == 0 || p.byPeer[peer] >= p.share {
		return nil, false
	}
	p.strangers--
	p.byPeer[peer]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.strangers++
		p.less(peer)
	}, true
}
