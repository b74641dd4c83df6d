package deliver

func (c *Conn) serve() { c.events.Opened(c) }
