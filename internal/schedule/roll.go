package schedule

// roll is all objects of a kind, in an order that depends on nothing but what has happened: a map's would make every run
// another one.
type roll[T interface{ seat() *int }] []T

func (r *roll[T]) add(v T) {
	*v.seat() = len(*r)
	*r = append(*r, v)
}

func (r *roll[T]) remove(v T) {
	var zero T
	all, i, last := *r, *v.seat(), len(*r)-1
	all[i] = all[last]
	*all[i].seat() = i
	all[last] = zero
	*r = all[:last]
}

func (s *site) seat() *int    { return &s.seats[0] }
func (g *group) seat() *int   { return &g.index }
func (st *stream) seat() *int { return &st.index }

// member is a site as a member of its group.
type member struct{ *site }

func (m member) seat() *int { return &m.seats[1] }
