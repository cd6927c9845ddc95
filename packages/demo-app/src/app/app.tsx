import { useEffect, useState } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { type Catalogue, unpackCatalogue } from '../catalogue/catalogue.ts';
import { ErrorBoundary } from '../ui/error-boundary.tsx';
import { CustomersPage } from './pages/customers-page.tsx';
import { MorePage } from './pages/more-page.tsx';
import { NewOrderPage } from './pages/new-order-page.tsx';
import { NotFoundPage } from './pages/not-found-page.tsx';
import { OrdersPage } from './pages/orders-page.tsx';
import { ProductsPage } from './pages/products-page.tsx';
import { SignInPage } from './pages/sign-in-page.tsx';
import { StartFailedPage } from './pages/start-failed-page.tsx';
import { Shell } from './parts/shell.tsx';
import { findRep, type Rep } from './reps.ts';
import { WorkplaceContext, type Workplace } from './session-context.tsx';
import { openSession, type Session } from './session.ts';

const signedInKey = 'satchel-rep';

/** Who is signed in decides what is shown. */
export function App() {
  const [rep, setRep] = useState<Rep | undefined>(() => findRep(localStorage.getItem(signedInKey)));
  const [, navigate] = useLocation();
  const signIn = (chosen: Rep): void => {
    localStorage.setItem(signedInKey, chosen.id);
    setRep(chosen);
  };
  const signOut = (): void => {
    localStorage.removeItem(signedInKey);
    setRep(undefined);
    navigate('/', { replace: true });
  };
  if (rep === undefined) return <SignInPage onSignIn={signIn} />;
  return <SignedIn key={rep.id} rep={rep} signOut={signOut} />;
}

interface Opened {
  readonly session: Session;
  readonly catalogue: Catalogue;
}

function SignedIn({ rep, signOut }: { readonly rep: Rep; readonly signOut: () => void }) {
  const [attempt, setAttempt] = useState(0);
  const [opened, setOpened] = useState<Opened>();
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    let stopped = false;
    const opening = openWorkplace(rep);
    opening.then(
      (result) => {
        if (!stopped) setOpened(result);
      },
      (error: unknown) => {
        reportError(error);
        if (!stopped) setFailure(error);
      },
    );
    return () => {
      stopped = true;
      void opening.then(({ session }) => session.close()).catch(() => undefined);
    };
  }, [rep, attempt]);
  if (failure !== undefined) {
    const retry = (): void => {
      setFailure(undefined);
      setAttempt(attempt + 1);
    };
    return <StartFailedPage failure={failure} onRetry={retry} onSignOut={signOut} />;
  }
  if (opened === undefined) return <output className="visually-hidden">Opening your orders</output>;
  return <Pages workplace={{ ...opened, signOut }} />;
}

async function openWorkplace(rep: Rep): Promise<Opened> {
  const { packedCatalogue } = await import('virtual:catalogue');
  return { session: await openSession(rep), catalogue: unpackCatalogue(packedCatalogue) };
}

function Pages({ workplace }: { readonly workplace: Workplace }) {
  const [location] = useLocation();
  return (
    <WorkplaceContext value={workplace}>
      <Shell>
        <ErrorBoundary key={location} reassurance="Your orders are saved on this device.">
          <Switch>
            <Route path="/new" component={NewOrderPage} />
            <Route path="/customers/:id?">{({ id }) => <CustomersPage customerId={id} />}</Route>
            <Route path="/products" component={ProductsPage} />
            <Route path="/more" component={MorePage} />
            <Route path="/">{() => <OrdersPage orderId={undefined} />}</Route>
            <Route path="/orders/:id">{({ id }) => <OrdersPage orderId={id} />}</Route>
            <Route component={NotFoundPage} />
          </Switch>
        </ErrorBoundary>
      </Shell>
    </WorkplaceContext>
  );
}
