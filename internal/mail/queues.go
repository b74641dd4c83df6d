package mail

// Role is one of the queues that a message may name for itself (queues.md section 2).
type Role uint8

// The roles.
const (
	Results Role = iota
	Success
	Failure
	Retry
	Notification
	numRoles
)

var roleNames = [numRoles]string{"results", "success", "failure", "retry", "dsn"}

func (r Role) String() string { return roleNames[r] }

// Queues are the overrides of one message. The zero value overrides nothing.
type Queues struct {
	set   [numRoles]bool
	names [numRoles]string
}

// Queue picks the queue for a role: the override, or else the configured name. Empty means that nothing is published.
func (q *Queues) Queue(role Role, configured string) string {
	if q.set[role] {
		return q.names[role]
	}
	return configured
}

// Overridden says that the message itself names the queue.
func (q *Queues) Overridden(role Role) bool { return q.set[role] && q.names[role] != "" }

// maxQueueName is the longest name that AMQP can carry.
const maxQueueName = 255

// readQueues reads the property; null, "" and "null" switch a role off, a value of another type changes nothing.
func readQueues(value []byte) (q Queues) {
	if value[0] != '{' {
		return q
	}
	_ = object(value, func(name, v []byte) error {
		for role, n := range roleNames {
			if string(name[1:len(name)-1]) == n {
				q.override(Role(role), v)
			}
		}
		return nil
	})
	return q
}

func (q *Queues) override(role Role, value []byte) {
	s, ok := text(value)
	if !ok && !isNull(value) || len(s) > maxQueueName {
		return
	}
	if s == "null" {
		s = ""
	}
	q.set[role], q.names[role] = true, s
}
