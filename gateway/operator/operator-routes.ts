/**
 * What operators do over HTTP, for admins only: one file per noun beside this one.
 */
import { pageRejections } from '../../actors/model/page-query.js';
import type { OwnRoute } from '../own-route.js';
import { actorRoutes } from './actor-routes.js';
import { auditRoutes } from './audit-routes.js';
import { letterRoutes } from './letter-routes.js';
import type { OperatorParts, OperatorRoute } from './operator-parts.js';
import { reactionRoutes } from './reaction-routes.js';
import { sagaRoutes } from './saga-routes.js';
import { timerRoutes } from './timer-routes.js';

export function operatorRoutes(parts: OperatorParts): readonly OwnRoute[] {
  const routes: readonly OperatorRoute[] = [
    ...actorRoutes(parts),
    ...auditRoutes(parts),
    ...reactionRoutes(parts),
    ...sagaRoutes(parts),
    ...timerRoutes(parts),
    ...letterRoutes(parts),
  ];
  // Here, so that none of them can forget it.
  return routes.map((route) => ({
    ...route,
    access: ['admin'],
    rejections: { ...pageRejections, ...route.rejections },
  }));
}
