/**
 * What the parts of a run share: who takes part, what has come in, and how the run ends early.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";
import { PluginError } from "../../ffi/mod.ts";
import { type ClientDescription, joinedName, type TargetDescription } from "../../config/run_description.ts";
import type { ClientResult, TargetResult } from "../../results/document/document.ts";
import type { HostReason } from "../../results/document/verdict.ts";
import { targetKey } from "../halves/halves.ts";
import { Peer, type PeerContext } from "../link/peer.ts";
import type { Arrival } from "../join/reception.ts";
import type { PeerName, RunPhase } from "./progress.ts";
import { withPart } from "../store/kept_parts.ts";
import { describePeer, hostPort, RunError } from "./run_error.ts";
import {
  type ClassRun,
  type ClientRun,
  type RunParts,
  type TargetRun,
  unknownParticipant,
} from "./participants.ts";
import { Merger } from "../outcome/totals.ts";

/** The run ends early: because of an error, or because somebody interrupted it. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** Everything about one run while it goes on. */
export class RunState {
  /** Its tests; one, without a name, in a run without classes. */
  readonly classes: ClassRun[];
  readonly clients: ClientRun[];
  readonly targets: TargetRun[];
  /** Who sends to which client, by that one's number. */
  readonly senders: ReadonlyMap<number, ClientRun[]>;
  /** Reasons of the controller's own, for the verdict. */
  readonly reasons: HostReason[] = [];
  /** Daemons that are being freed while the run goes on without them. */
  readonly endings: Promise<unknown>[] = [];
  /** What ended the run early. */
  failure: Error | null = null;
  interrupted = false;
  /** Until when daemons may dial in, on `performance.now()`'s clock. */
  joinUntilMs = Infinity;
  /** Asks the running tests for what they have so far, and waits for it; bounded, never rejects. */
  halt: (() => Promise<void>) | null = null;
  readonly #stop = new AbortController();
  /** Called when the run ends, for all who wait for something until then: thousands, for which the signal's own list is too slow. */
  readonly #onStop = new Set<() => void>();
  /** What came in could not be kept on disk: it is not tried again, so that what is there stays in order. */
  #unsaved = false;
  /** Clients whose failure is noted: errors that follow from giving them up are not noted again. */
  readonly #failed = new Set<ClientRun>();

  /** @param parts what it is made from */
  constructor(readonly parts: RunParts) {
    const { description, access, emit, debug } = parts;
    const context: PeerContext = {
      ...access,
      debug,
      onPhase: (peer, phase) => emit({ kind: "peer", peer, phase }),
    };
    this.classes = parts.tests.map((test, index) => ({
      ...test,
      index,
      clients: [],
      merger: new Merger(),
      beginNs: Math.round(test.description.beginSeconds * 1e9),
      endNs: test.description.endSeconds === null ? null : Math.round(test.description.endSeconds * 1e9),
    }));
    const byName = new Map(this.classes.map((each) => [each.description.name, each]));
    const classOf = (name: string | undefined): ClassRun => byName.get(name ?? "") ?? this.classes[0]!;
    const nameOf = (role: PeerName["role"], index: number, part: ClientDescription | TargetDescription) => ({
      role,
      index,
      host: part.host,
      port: part.port,
      ...part.class === undefined ? {} : { class: part.class },
      ...part.joins === undefined ? {} : { joins: part.joins },
    });
    const places = new Map<ClassRun, number>();
    const nextPlace = (of: ClassRun): number => {
      const place = places.get(of) ?? 0;
      places.set(of, place + 1);
      return place;
    };
    this.clients = description.clients.map((client, index) => ({
      index,
      description: client,
      class: classOf(client.class),
      place: nextPlace(classOf(client.class)),
      peer: new Peer(nameOf("client", index, client), context),
      ...unknownParticipant(),
      expectedNs: null,
      window: null,
      started: Promise.resolve(),
      toStop: false,
      patienceNs: 0,
      ready: false,
      done: false,
    }));
    for (const client of this.clients) client.class.clients.push(client);
    const senders = this.clients.filter(({ description: { to } }) => to !== undefined);
    this.senders = Map.groupBy(senders, ({ description: { to } }) => to!);
    this.targets = description.targets.map((target, index) => ({
      index,
      description: target,
      class: classOf(target.class),
      peer: new Peer(nameOf("target", index, target), context),
      half: parts.targetHalves.get(targetKey(target))!,
      ...unknownParticipant(),
      meter: false,
      head: null,
      stopped: false,
      stopSent: Promise.withResolvers<number>(),
      stamps: null,
    }));
  }

  /** Aborted when the run ends early. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Informs whoever watches that the run enters a phase. */
  phase(phase: RunPhase, text: string): void {
    this.parts.emit({ kind: "phase", phase, text });
  }

  /** Reports something that does not end the run. */
  warn(peer: PeerName | null, text: string): void {
    this.parts.emit({ kind: "warning", peer, text });
  }

  /** Who takes part, for people. */
  everybody(clients = this.clients.length): string {
    const targets = this.targets.length;
    return `${clients} client(s)${targets === 0 ? "" : ` and ${targets} target(s)`}`;
  }

  /** Those of them that have not failed. */
  alive(clients: readonly ClientRun[]): ClientRun[] {
    return clients.filter((client) => client.peer.error === null);
  }

  /**
   * Ends the run because somebody asked for it: at once, or, while tests run, after those daemons that can have sent
   * what they have measured so far.
   */
  async interrupt(): Promise<void> {
    if (this.interrupted || this.signal.aborted) return;
    this.interrupted = true;
    await this.halt?.();
    this.end(new RunError(null, "run", "interrupted", "the run was interrupted"), true);
  }

  /**
   * Ends the run early; only the first reason counts.
   *
   * @param error why
   * @param interrupted whether somebody asked for it, rather than something having failed
   */
  end(error: Error, interrupted = false): void {
    if (this.#stop.signal.aborted) return;
    this.failure = error;
    this.interrupted ||= interrupted;
    this.#stop.abort();
    for (const stop of this.#onStop) stop();
  }

  /**
   * Notes that a client failed; ends the run when too few are left.
   *
   * @param client which one
   * @param error why
   */
  async clientFailed(client: ClientRun, error: unknown): Promise<void> {
    if (this.#stop.signal.aborted || client.done || this.#failed.has(client)) return;
    if (this.#ownFault(client.peer, error)) return;
    this.#failed.add(client);
    const failure = this.#note(client.peer, error);
    client.ready = false;
    await this.setClient(client.index, { error: failure.message, peer: client.peer.greeting?.peer ?? null });
    client.side?.close();
    if (this.alive(client.class.clients).length < client.class.required) this.end(failure);
    else this.endings.push(client.peer.abort());
  }

  /**
   * Notes that clients have not dialled in, and goes on without them.
   *
   * @param clients which ones
   * @param reason why that counts, a clause
   */
  async clientsMissing(clients: readonly ClientRun[], reason: string): Promise<void> {
    for (const client of clients) {
      this.#failed.add(client);
      const { message } = client.peer.fail("timeout", reason, "is it running, with --join?");
      const { document } = this.parts;
      document.clients[client.index] = { ...document.clients[client.index]!, error: message };
    }
    await this.#save();
  }

  /** Calls a daemon that has dialled in what it calls itself. */
  named(run: ClientRun | TargetRun, { name, address }: Arrival): void {
    const { document } = this.parts;
    const { joins = 0 } = run.peer.name;
    const place = { host: joinedName(joins, name), port: address.port };
    Object.assign(run.peer.name, place);
    const list = "done" in run ? document.clients : document.targets;
    Object.assign(list[run.index]!, place);
  }

  /**
   * Notes that a target failed, which ends the run.
   *
   * @param target which one
   * @param error why
   */
  async targetFailed(target: TargetRun, error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return;
    if (this.#ownFault(target.peer, error)) return;
    const failure = this.#note(target.peer, error);
    await this.setTarget(target.index, { error: failure.message, peer: target.peer.greeting?.peer ?? null });
    this.end(failure);
  }

  /**
   * A plugin of the controller's own that died or hangs ends the run, and that is no daemon's fault; the daemon whose
   * data it was given is named all the same, because the cause may be in those data.
   */
  #ownFault(peer: Peer, error: unknown): boolean {
    if (!(error instanceof RunError) || error.peer !== null) return false;
    if (!(error.cause instanceof PluginError) || !["crash", "timeout"].includes(error.cause.code)) {
      return false;
    }
    const reason = `${error.reason}, with what ${describePeer(peer.name)} sent or is to do`;
    const failure = new RunError(null, error.phase, error.code, reason, error.remedy, error.cause);
    this.parts.emit({ kind: "error", peer: null, phase: failure.phase, text: failure.message });
    this.end(failure);
    return true;
  }

  /** Whatever fails in a step of one daemon is about that daemon, also where the controller noticed it. */
  #note(peer: Peer, error: unknown): RunError {
    let failure: RunError;
    if (!(error instanceof RunError)) {
      failure = new RunError(peer.name, peer.phase, "protocol", messageOf(error), "", error);
    } else if (error.peer !== null) failure = error;
    else failure = new RunError(peer.name, error.phase, error.code, error.reason, error.remedy, error.cause);
    peer.error ??= failure;
    this.parts.emit({ kind: "error", peer: peer.name, phase: failure.phase, text: failure.message });
    return failure;
  }

  /** Has it kept that the run has begun, so that a run which dies leaves at least that. */
  async begin(): Promise<void> {
    await this.#save();
  }

  /** Puts what is known of a client into the document and has it saved. */
  async setClient(index: number, part: Partial<ClientResult>): Promise<void> {
    const { document } = this.parts;
    document.clients[index] = withPart(document.clients[index]!, part);
    await this.#save();
  }

  /** Puts what is known of a target into the document and has it saved. */
  async setTarget(index: number, part: Partial<TargetResult>): Promise<void> {
    const { document } = this.parts;
    document.targets[index] = { ...document.targets[index]!, ...part };
    await this.#save();
  }

  async #save(): Promise<void> {
    if (this.#unsaved) return;
    try {
      await this.parts.save(this.parts.document);
    } catch (error) {
      if (this.#unsaved) return;
      // What has come in is in memory: the run is worth its end, and its row.
      this.#unsaved = true;
      this.warn(
        null,
        `what comes in cannot be kept on disk (${
          messageOf(error)
        }): the run goes on, and would be lost if it died`,
      );
    }
  }

  /**
   * Waits for something, but not beyond the early end of the run.
   *
   * @param work what to wait for
   * @returns what it gives
   * @throws {Stopped} when the run ends early
   */
  async unlessStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    if (signal.aborted) {
      work.catch(() => {});
      throw new Stopped("the run has ended early");
    }
    const stopped = Promise.withResolvers<never>();
    const onStop = () => stopped.reject(new Stopped("the run has ended early"));
    this.#onStop.add(onStop);
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      this.#onStop.delete(onStop);
      work.catch(() => {});
    }
  }

  /**
   * Runs one step of one client; its failure is noted, and the others go on.
   *
   * @param client which one
   * @param step what to do
   */
  async clientStep(client: ClientRun, step: () => Promise<void>): Promise<void> {
    try {
      await this.unlessStopped(step());
    } catch (error) {
      if (!(error instanceof Stopped)) await this.clientFailed(client, error);
    }
  }

  /**
   * Runs one step of one target; its failure ends the run.
   *
   * @param target which one
   * @param step what to do
   */
  async targetStep(target: TargetRun, step: () => Promise<void>): Promise<void> {
    try {
      await this.unlessStopped(step());
    } catch (error) {
      if (!(error instanceof Stopped)) await this.targetFailed(target, error);
    }
  }

  /** @throws {Stopped} when the run ends early */
  check(): void {
    if (this.signal.aborted) throw new Stopped("the run has ended early");
  }

  /** Name of a host for reasons. */
  hostOf(peer: Peer): string {
    return hostPort(peer.name.host, peer.name.port);
  }
}
