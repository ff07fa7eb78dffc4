package datapath

import "golang.zx2c4.com/wireguard/tun"

// replyQueueLen bounds the replies that wait for one side's device: a burst of
// 1,500 queries answered at once, with more than as much again to spare, in at
// most 8 MiB of 2 KiB frames.
const replyQueueLen = 4096

// outbound is the queue of replies to one side. Any goroutine may push; one
// takes.
type outbound struct {
	queue chan *frame
	count *counters
	wake  func() // tells the taker that the queue is not empty; nil if it waits by itself
}

func newOutbound(count *counters) *outbound {
	return &outbound{queue: make(chan *frame, replyQueueLen), count: count}
}

// push queues fr, which it owns from now on, and never blocks. It reports
// false if the queue was full and fr is gone, which it has counted.
func (o *outbound) push(fr *frame) bool {
	select {
	case o.queue <- fr:
		if o.wake != nil {
			o.wake()
		}
		return true
	default:
		o.count.drop(ReplyQueueFull)
		fr.free()
		return false
	}
}

// drainToHost writes the queued replies to dev until done is closed, in batches
// of what has gathered and at most dev's batch size. It never injects a packet
// into the netstack, which could then wait for itself.
func (o *outbound) drainToHost(dev tun.Device, done <-chan struct{}) {
	size := max(dev.BatchSize(), 1)
	batch := make([]*frame, 0, size)
	bufs := make([][]byte, 0, size) // apart from batch: the device may re-slice its elements
	for {
		select {
		case fr := <-o.queue:
			batch = append(batch, fr)
		case <-done:
			return
		}
	gather:
		for len(batch) < size {
			select {
			case fr := <-o.queue:
				batch = append(batch, fr)
			default:
				break gather
			}
		}
		bytes := 0
		for _, fr := range batch {
			bufs = append(bufs, fr.b)
			bytes += len(fr.packet())
		}
		// What Write returns besides the error is bytes on some systems and
		// packets on others.
		if _, err := dev.Write(bufs, headroom); err == nil {
			o.count.reply(len(batch), bytes)
		} else {
			o.count.dropped[ReplyFailed].Add(uint64(len(batch)))
		}
		for _, fr := range batch {
			fr.free()
		}
		batch, bufs = batch[:0], bufs[:0]
	}
}

// takeInto copies queued replies into bufs, behind offset, and sets their
// sizes. It returns how many there were and does not wait for any.
func (o *outbound) takeInto(bufs [][]byte, sizes []int, offset int) (n int) {
	bytes := 0
	for n < len(bufs) {
		select {
		case fr := <-o.queue:
			p := fr.packet()
			if len(bufs[n])-offset < len(p) {
				o.count.drop(ReplyFailed)
			} else {
				sizes[n] = copy(bufs[n][offset:], p)
				bytes += len(p)
				n++
			}
			fr.free()
			continue
		default:
		}
		break
	}
	if n > 0 {
		o.count.reply(n, bytes)
	}
	return n
}
